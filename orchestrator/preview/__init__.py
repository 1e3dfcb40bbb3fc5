"""Looking ahead: what a topic would cost (`orchestrator plan`), and what would be asked (`--dry-run`)."""
