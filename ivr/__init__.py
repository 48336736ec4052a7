"""The telephone hotline of a social-insurance bureau."""
