"""The hotline's own database: what must outlive Redis, in tables of its own beside those of others."""
