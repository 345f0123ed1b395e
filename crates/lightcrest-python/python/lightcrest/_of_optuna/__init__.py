"""What packages around Optuna import from its private modules: as_optuna gives it to them under those names."""
