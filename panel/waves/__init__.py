"""Wave plans, samples, cases, AAPOR dispositions and outcome rates."""
