"""What is measured: histograms, targets, the resources of this machine."""
