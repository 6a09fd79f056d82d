"""The Django project and everything a person sees."""
