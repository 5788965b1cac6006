"""Parts of specs that a blueprint has, or several share: their fields, and what does not fit together in them."""
