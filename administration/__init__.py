"""The administrative system: what people do before, on and after the exam day, and every page that they see."""
