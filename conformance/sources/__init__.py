"""Cases from elsewhere: databases of samples that other libraries ship, beside our own family files."""
