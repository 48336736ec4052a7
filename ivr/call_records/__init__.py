"""Records of calls: what became of each, step by step, for those who run the hotline; nothing personal is in them."""
