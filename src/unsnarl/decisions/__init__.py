"""What people decided about records, and what follows from it: pure logic, no files, no arrays."""
