"""Salesforce for Accordant."""

from connectors.salesforce.connector import Salesforce

__all__ = ["Salesforce"]
