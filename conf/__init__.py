"""The configuration: one folder per group, one yaml per option."""
