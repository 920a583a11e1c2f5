"""The words of the house: what travels between the rooms. Imports nothing of the house."""
