"""What Azure has billed, as Cost Management exports it, beside what the control plane has computed."""
