"""Records: what people asked for and what came of it, in Azure Table Storage."""
