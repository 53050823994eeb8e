"""Logging a conversation: one panel for call, visit, WeChat, test drive …"""
