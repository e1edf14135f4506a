"""What tests share: builders, fakes, small real servers, and the writers of golden files."""
