"""The tests; the name of each is the sentence that a release note would say."""
