"""What tests stand on: the stack, people, the browser, the in-process screen."""
