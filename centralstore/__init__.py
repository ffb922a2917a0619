"""centralstore"""
