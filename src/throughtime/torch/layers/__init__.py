"""PyTorch's recurrent layers, computed by the sweeps."""
