"""GPUs: nvidia-smi, the PCI bus and open device files."""
