"""What the API server has, asked through kubectl; the plugin, and not this package, changes it."""
