"""What panels are built from: forms, painting, export, keys, commands."""
