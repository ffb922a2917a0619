"""The item bank: items, stimuli, tasks, pictures, clips and panels as files; published as sealed test packages."""
