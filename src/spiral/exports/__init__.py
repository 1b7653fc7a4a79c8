"""Writers: pictures, contact sheets, animations."""
