"""The item bank: items, stimuli, tasks, pictures, clips and panels as files; published as signed and sealed test packages."""
