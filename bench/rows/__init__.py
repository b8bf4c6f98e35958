"""One file a row of the performance table; each says what it runs beside what."""
