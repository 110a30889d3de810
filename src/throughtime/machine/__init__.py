"""All that knows the processor and the compiler."""
