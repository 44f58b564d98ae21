collect_ignore = ["shop"]  # an application with tests of its own
