"""The clients that are compared, each behind `BenchTarget`."""
