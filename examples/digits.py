"""Handwritten digits read as sequences, by scikit-learn's rules: row by row, and pixel by pixel.

Each image has 8 x 8 pixels. Read by rows it is a sequence of 8 steps of 8 features, (n, 8, 8); read by pixels one of 64
steps of one number, which is what a table (n, 64) means to these estimators: the network then has to remember what it saw
many steps ago, and `gradient_flow` shows how far back it learns from.

    pip install 'throughtime[sklearn]'
    python examples/digits.py
"""

import time

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from throughtime.sklearn import SequenceClassifier


def read():
    """Images (n, 8, 8) from 0 to 1 and digits (n,), a quarter of them apart: as train_test_split gives them."""
    digits = load_digits()
    return train_test_split(
        digits.images / 16, digits.target, test_size=0.25, stratify=digits.target, random_state=0
    )


def learn(classifier, X, X_test, y, y_test, name):
    """Train the classifier; its share of right answers on images that it has not seen."""
    start = time.perf_counter()
    classifier.fit(X, y)
    seconds = time.perf_counter() - start
    accuracy = classifier.score(X_test, y_test)
    print(
        f"{name}: {accuracy:.1%} of {len(y_test)} new images right, after {classifier.n_iter_} epochs in {seconds:.1f} s"
    )
    return accuracy


def reach(classifier, X, y):
    """How much of the last step's gradient the first step gets, at the network's top layer."""
    phi = classifier.gradient_flow(X, y).norms["h"][-1]
    return phi[-1] / phi[0]


def main():
    """Learn both ways, and look how far back each gradient reaches."""
    X, X_test, y, y_test = read()
    rows = SequenceClassifier(random_state=0)
    learn(rows, X, X_test, y, y_test, "row by row")
    print(
        f"  7 rows back the gradient is {reach(rows, X_test[:50], y_test[:50]):.2f} of that at the last row"
    )

    X, X_test = X.reshape(-1, 64), X_test.reshape(-1, 64)
    pixels = SequenceClassifier(batch_size=16, max_iter=20, random_state=0)
    learn(pixels, X, X_test, y, y_test, "pixel by pixel")
    print(f"  63 pixels back it is {reach(pixels, X_test[:50], y_test[:50]):.2f} of that at the last pixel")


if __name__ == "__main__":
    main()
