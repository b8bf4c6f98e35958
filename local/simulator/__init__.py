"""The provider simulator: gateways that take sends, customers who write, and a phone to be one. Local stack only."""
