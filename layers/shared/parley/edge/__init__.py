"""HTTP and WebSocket at the door. Its one rule: nothing unparsed goes further in, no error leaves unmapped."""
