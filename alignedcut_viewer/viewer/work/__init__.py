"""Work beside the window: background tasks with progress and Cancel, and questions to the user."""
