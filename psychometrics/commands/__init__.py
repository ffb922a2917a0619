"""The commands of the package, one module each with `main(argv) -> exit code`."""
