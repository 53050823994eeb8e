"""Forms: fields, sections, conditions, and the phone's own form beside."""
