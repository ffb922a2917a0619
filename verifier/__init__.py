"""An independent check of an exported sitting, written from the published formats alone; see README.md."""
