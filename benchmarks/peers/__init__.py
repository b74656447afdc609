"""Other servers, each in an environment of its own, and how the generator talks to them."""
