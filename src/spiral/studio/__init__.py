"""The studio: a web page on which one draws and watches agents paint (`spiral studio`)."""
