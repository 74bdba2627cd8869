"""HubSpot for Accordant."""

from connectors.hubspot.connector import HubSpot

__all__ = ["HubSpot"]
