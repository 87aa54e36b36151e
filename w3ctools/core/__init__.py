"""Pure code: values in, values out. A test keeps files, clocks and terminals out of here."""
