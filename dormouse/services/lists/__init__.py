"""Lists: what narrows and sorts them over the whole set, and where a page of them begins."""
