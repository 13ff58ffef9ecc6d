"""What napari is given to show, made when it is looked at: pictures, colours, values, marks. No Qt."""
