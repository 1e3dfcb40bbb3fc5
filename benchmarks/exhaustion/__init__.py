"""The evaluation of exhaustion: estimates and steering on simulated worlds."""
