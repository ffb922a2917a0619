"""proverom"""
