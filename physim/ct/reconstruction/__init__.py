"""From sinograms to images: analytic and iterative methods, corrections of beam hardening and metal."""
