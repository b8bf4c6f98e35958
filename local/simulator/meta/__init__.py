"""Meta's WhatsApp Cloud API as the simulator plays it; text is the one kind customers write so far."""
