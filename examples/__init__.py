"""Examples that ship with the package: a compose file, and the shop that `brownout demo` breaks."""
