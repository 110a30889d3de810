"""What `diagnose` is made of: a forward pass recorded call by call, and its gradients followed back."""
