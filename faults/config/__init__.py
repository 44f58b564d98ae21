"""The configuration file: YAML in, proxies and profiles out, every problem with its line.

    file -> nodes (YAML events to values with places) -> scalar, syntax
         -> proxy_section, env_section, profile_section -> reader -> problem
    template: the text of a variable of `env`; mapping: what such variables held before
    schema: the JSON Schema of the same, for editors

Importing this room imports none of them: most commands do without YAML.
"""
