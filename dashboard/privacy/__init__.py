"""Who may see which value. Every value of an event passes here before it reaches a page, a frame, an export, or a log."""

from dashboard.privacy.masking import MASKED, AccessProfile, DisplayValue, Masked, can_see, display_value, profile_of

__all__ = ["MASKED", "AccessProfile", "DisplayValue", "Masked", "can_see", "display_value", "profile_of"]
