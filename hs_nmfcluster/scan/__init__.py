"""What a scan is: geometry of the detector, masks, checks, a first look. Arrays only."""
